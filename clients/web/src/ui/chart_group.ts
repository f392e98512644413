// Charts that belong together: one crosshair runs through all of them, and they are zoomed alike.
export type Range = readonly [number, number];

export interface GroupMember {
  /** A crosshair at x; undefined: none. `here`: this is the one that is pointed at. */
  showCrosshair(x: number | undefined, here: boolean): void;
  /** What a hand that zooms or pans would show; undefined: what was there. */
  showPreview(range: Range | undefined): void;
}

export class ChartGroup {
  private readonly members = new Set<GroupMember>();

  add(member: GroupMember): void {
    this.members.add(member);
  }

  remove(member: GroupMember): void {
    this.members.delete(member);
  }

  hover(x: number | undefined, by: GroupMember): void {
    for (const member of this.members) member.showCrosshair(x, member === by);
  }

  preview(range: Range | undefined): void {
    for (const member of this.members) member.showPreview(range);
  }
}
