/** Values that naive dumps lose. */

/** Every byte value once, with NUL at both ends and doubled in the middle. */
export const ALL_BYTES = Buffer.from([0, ...Array.from({ length: 256 }, (_, byte) => byte), 0, 0, 92, 0, 39, 0, 10, 0]);

export const ONE_MEGABYTE_TEXT = `${'Ünïcode, ðat is \\ and \'quoted\' "too". '.repeat(26_000)}\u{1F6DF}`.slice(
  0,
  1 << 20,
);

/** Texts that survive only when quoting, escaping, encoding and line ends are all correct. None contains NUL. */
export const HARD_TEXTS: Record<string, string> = {
  windowsPath: 'C:\\temp\\',
  onlyBackslash: '\\',
  apostrophe: "it's",
  escapedApostrophe: "\\'",
  doubleQuote: 'say "hi"',
  backtick: '`rm -rf /`',
  dollarQuote: '$$body$$ $1 $tag$',
  crLf: 'one\r\ntwo\rthree\nfour',
  controls: '\u0001\u0002\u0007\b\t\u000b\f\u001b\u007f',
  copyEnd: '\\.\n\\N\n\\.',
  emoji: '🛟 👩‍👩‍👧‍👦 🇨🇳',
  rightToLeft: 'نسخة احتياطية \u202Eآمنة\u202C עברית',
  chinese: '备份与还原 𠮷',
  composed: 'Å é ﬁ'.normalize('NFC'),
  decomposed: 'Å é ﬁ'.normalize('NFD'),
  zeroWidth: 'a\u200Bb\uFEFFc',
  lineSeparators: 'a\u2028b\u2029c',
  sqlComment: "'; DROP TABLE users; -- /* x */ #",
  delimiter: 'DELIMITER ;;\nEND//',
  templates: '{{ $env.SECRET }} ${x} %s %% {"a":1}',
  nullWord: 'NULL',
  onlySpaces: '   ',
  trailingSpace: 'end ',
  empty: '',
};

export const MAX_BIGINT = '9223372036854775807';
export const MIN_BIGINT = '-9223372036854775808';
/** numeric(38,10) filled to its last digit. */
export const MAX_DECIMAL = '9999999999999999999999999999.9999999999';
export const MIN_DECIMAL = `-${MAX_DECIMAL}`;
/** Doubles at the edges, and the one whose shortest form needs 17 digits. */
export const HARD_DOUBLES = [0.1 + 0.2, -0, 5e-324, 1.7976931348623157e308, 2 ** 53 + 2, 1 / 3];
