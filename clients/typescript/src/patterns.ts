/** Parts of a pattern that mean the same in JavaScript and in the server's regular expressions. */
const CLASS = String.raw`\[\^?(?:[A-Za-z0-9 _.,:;'"%+*?()|$@!#=<>/{}-]|\\[dDwW.\-/\\\]\[^+])+\]`;
const PARTS = [
  `[A-Za-z0-9 _@:;,'"%&<>=!#/-]`,
  String.raw`\\[dDwW.\-/\\+*?()[\]{}|^$]`,
  CLASS,
  String.raw`\(\?:|\((?!\?)|[.^$|)*+?]`,
  String.raw`\{\d{1,3}(?:,\d{0,3})?\}`,
];
const PORTABLE = new RegExp(`^(?:${PARTS.join("|")})*$`);

/** What is compiled to more than the server has room for. */
const LARGE = /\)\{(?:\d+,)?\d{2,}\}|\{(?:\d+,)?(?:[3-9]\d\d|2[6-9]\d|25[6-9])\}/;
const LENGTH = 1_000;

/**
 * Whether the server certainly takes a pattern, and finds what JavaScript finds with it. Look-around, back-references,
 * Unicode properties and much that is rare are not among it: a pattern that is left out refuses nothing.
 */
export function isPortable(pattern: string): boolean {
  return pattern.length <= LENGTH && PORTABLE.test(pattern) && !pattern.includes("--") && !LARGE.test(pattern);
}
