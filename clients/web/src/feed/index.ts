export * from './feed.js';
export * from './json.js';
export * from './messages.js';
export * from './options.js';
export * from './seen.js';
export * from './time.js';
