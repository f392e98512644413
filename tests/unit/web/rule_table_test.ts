// What tests/alerts/rules.json says of rules holds for the page as for the bridge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import table from '../../alerts/rules.json';
import type { BridgeEvent, JsonObject } from '../../../clients/web/src/feed/index.js';
import { parseFilter, type Filter } from '../../../clients/web/src/model/filter.js';
import { parseRule, RuleError } from '../../../clients/web/src/model/rule.js';
import { runIdOf } from '../../../clients/web/src/model/runs.js';

interface Step {
  at: number;
  type?: string;
  source?: string;
  run?: string;
  data?: JsonObject;
  gives: string[];
}

test('rule table: each is read, or refused at its place with what was expected', () => {
  assert.ok(table.rules.length > 50);
  for (const { rule, position, expected } of table.rules as { rule: string; position?: number; expected?: string }[]) {
    let refused: RuleError | undefined;
    try {
      parseRule(rule);
    } catch (error) {
      refused = error as RuleError;
    }
    assert.deepEqual([rule, refused?.position, refused?.expected], [rule, position, expected]);
  }
});

// Raised with the first event that is so, over with the next that is not.
test('rule table: what one event decides is decided alike', () => {
  let stories = 0;
  for (const { rule, steps } of table.stories as unknown as { rule: string; steps: Step[] }[]) {
    const { what, types, condition } = parseRule(rule);
    let filter: Filter;
    try {
      filter = parseFilter(rule);
    } catch {
      continue; // an average, or a time
    }
    if (what !== 'events') continue;
    ++stories;
    const raised = new Set<string>();
    for (const { type, source, run, data, gives } of steps) {
      // The bridge's own events end things of others, or are not looked at.
      if (type === undefined || source === 'ppo-bridge') continue;
      const event = { type, data, seq: 1, timestamp: 1, source, run } as BridgeEvent;
      const subject = runIdOf(source, run, data?.agent_id);
      const ofType = types.endsWith('*') ? type.startsWith(types.slice(0, -1)) : type === types;
      const found: string[] = [];
      if (filter.matches(event)) {
        if (!raised.has(subject)) found.push(`+${subject}`);
        raised.add(subject);
      } else if (ofType && condition !== undefined && raised.delete(subject)) found.push(`-${subject}`);
      assert.deepEqual([rule, data, found], [rule, data, gives]);
    }
  }
  assert.ok(stories >= 10, `${stories} stories`);
});
