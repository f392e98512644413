export * from './feed.js';
export * from './json.js';
export * from './messages.js';
