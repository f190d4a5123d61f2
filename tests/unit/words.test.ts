/** Lints what people read for words that the glossary replaces (docs/glossary.md). */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Rule {
  /** What is banned. */
  pattern: RegExp;
  /** What to write instead. */
  use: string;
  /** A sentence that the pattern finds. */
  bad: string;
}

const ENGLISH: Rule[] = [
  // One term per concept
  { pattern: /\bexchang\w*/i, use: 'switch over, switchover', bad: 'Only files are exchanged.' },
  { pattern: /\b(?:the|a|its|before|until) switch\b/i, use: 'switchover', bad: 'The switch is its commit.' },
  { pattern: /\bswitch(?:es|ed|ing)? back\b/i, use: 'roll back', bad: 'Safekeep has switched back.' },
  { pattern: /\bway back\b/i, use: 'rollback, undo', bad: 'The way back is tried again.' },
  { pattern: /\bt(?:ak(?:e|es|en|ing)|ook) (?:\w+ ){0,2}back\b/i, use: 'roll back', bad: 'It takes the restore back.' },
  { pattern: /\bg(?:o|oes|oing) back\b/i, use: 'roll back', bad: 'Going back to the previous state' },
  { pattern: /\bundo of (?:the|an) undo\b/i, use: 'redo', bad: 'the undo of an undo' },
  { pattern: /\bstates? before\b|\bprevious states?\b/i, use: 'previous data', bad: 'The state before is kept.' },
  { pattern: /\bundo period\b/i, use: 'undo window', bad: 'until the undo period is over' },
  { pattern: /\baside\b/i, use: 'staging, inactive slot, previous data', bad: 'loaded into a schema aside' },
  { pattern: /\bbeside the (?:live|app)/i, use: 'staging, next to', bad: 'a new database beside the live one' },
  { pattern: /\bunder way\b/i, use: 'in progress', bad: 'This run is not under way.' },
  { pattern: /(?<!\b(?:background|cron) )\bjobs?\b/i, use: 'background job', bad: '3 waiting jobs' },
  { pattern: /\brefut\w*/i, use: 'verification failed', bad: 'one proven, one refuted' },
  { pattern: /\bproofs?\b|\bprov(?:e|es|ed|en)\b/i, use: 'verify, verification', bad: 'a warning, no proof' },
  { pattern: /\bread back\b/i, use: 'checksum verification', bad: 'The archive is read back.' },
  { pattern: /\bgood backups?\b/i, use: 'successful backup', bad: 'There is no good backup yet.' },
  { pattern: /\bcompatibility table\b/i, use: 'compatibility check', bad: 'Read the compatibility table.' },
  { pattern: /\b(?:un)?pin(?:s|ned|ning)?\b/i, use: 'protect, protected', bad: 'Unpin it first.' },
  { pattern: /\bprograms?\b/i, use: 'client tools, stored objects', bad: 'The program was not found.' },
  { pattern: /\b(?:is|be|was|were|app) away\b/i, use: 'unavailable', bad: 'The app is away while it loads.' },
  { pattern: /\bc(?:om(?:e|es|ing)|ame) up\b/i, use: 'start', bad: 'The app did not come up.' },
  { pattern: /\bsigns? of life\b/i, use: 'heartbeat', bad: 'without a sign of life' },
  { pattern: /\brights\b|\bthe right to\b/i, use: 'privileges, permissions', bad: 'All rights are enough.' },
  { pattern: /\bsign-ins?\b/i, use: 'credentials, session', bad: 'the app’s sign-in for it' },
  { pattern: /\bleft out\b/i, use: 'skip', bad: 'The view is left out.' },
  { pattern: /\blog of the run\b/i, use: 'run log', bad: 'The log of the run shows it.' },
  // Style
  { pattern: /\bcan not\b/i, use: 'cannot', bad: 'It can not be read.' },
  { pattern: /\bshall\b/i, use: 'must, will', bad: 'It shall stay.' },
  {
    pattern: /\bmay neither\b|\b(?:roles?|users?) may not\b/i,
    use: 'lacks permission',
    bad: 'Your role may not do this.',
  },
  {
    pattern: /\b(?:says|said|tells|told)\b|\btell more\b/i,
    use: 'reports, returns, logs',
    bad: '{{tool}} said nothing',
  },
  { pattern: /\bguess\w*/i, use: 'Nothing was changed.', bad: 'Safekeep does not guess.' },
  { pattern: /\bthr(?:ow|ows|ew|own) (?:\w+ )?away\b/i, use: 'deleted', bad: 'The backup was thrown away.' },
  { pattern: /\bby hand\b/i, use: 'manually', bad: 'Load an archive by hand' },
  { pattern: /\bwhat was\b/i, use: 'a noun', bad: 'what was asked for' },
  { pattern: /\banew\b/i, use: 'again', bad: 'Users sign in anew.' },
  { pattern: /\bgo(?:es|ing)? on\b|\bwent on\b/i, use: 'continue', bad: 'Go on from byte 7.' },
  { pattern: /\blook whether\b/i, use: 'check whether', bad: 'Look whether a lock is held.' },
  { pattern: /\bnot to be found\b/i, use: 'not found', bad: 'It is not to be found here.' },
];

const CHINESE: Rule[] = [
  { pattern: /交换/, use: '切换', bad: '只交换文件。' },
  { pattern: /回退|切回|退回|撤回|回到/, use: '回滚（自动）、撤销（用户）', bad: '正在重试退回' },
  { pattern: /取消(?:上次)?撤销/, use: '重做', bad: '取消上次撤销' },
  { pattern: /(?:先前|之前|原来|还原前)的状态/, use: '先前的数据', bad: '先前的状态仍被保留。' },
  { pattern: /撤销期(?!限)/, use: '撤销期限', bad: '撤销期内' },
  { pattern: /线上|正式(?:的)?(?:数据|库)/, use: '当前数据', bad: '线上数据' },
  { pattern: /还原的日志|日志中的数据库/, use: '还原状态文件', bad: '未完成还原的日志' },
  { pattern: /运行 ?\{\{/, use: '任务', bad: '运行 {{runId}} 的记录已不存在' },
  { pattern: /应用的一个任务|等待中的任务/, use: '后台作业', bad: '应用的一个任务未能按时结束' },
  { pattern: /(?<!ZIP ?)归档(?!格式)/i, use: '备份文件', bad: '归档已删除' },
  { pattern: /固定/, use: '受保护', bad: '备份已固定。' },
  { pattern: /该程序|找不到程序|数据库程序/, use: '客户端工具', bad: '任务日志中有该程序的输出。' },
  { pattern: /略过|省略/, use: '跳过', bad: '无权读取，已略过' },
  // 加载 stays the word for the app.
  { pattern: /载入|(?<!重新|应用|正在)加载(?!应用|失败)/, use: '导入', bad: '已加载到临时数据库' },
  { pattern: /带来/, use: '复制', bad: '请从旧服务器带来这些密钥' },
];

/** Sentences in which a banned word has another sense, or a legitimate one. */
const LEGITIMATE = [
  'A cron job calls the API.',
  'Background jobs stop first.',
  'Switch on the error code.',
  'Bring this data back?',
  'You may have to sign in again.',
  'It may not find them.',
  '正在重新加载应用',
  '此 ZIP 归档不是 Safekeep 备份',
  'pg_dump 的输出不是归档格式',
  '撤销期限',
];

interface Line {
  at: string;
  text: string;
}

const linesOf = (file: string, toText = (line: string) => line): Line[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map((line, index) => ({ at: `${file}:${index + 1}`, text: toText(line) }));

/** Prose alone: commands and identifiers are no words. */
function proseOf(file: string): Line[] {
  let isCode = false;
  return linesOf(file, (line) => {
    const isFence = line.startsWith('```');
    if (isFence) isCode = !isCode;
    return isCode || isFence || line.startsWith('    ') ? '' : line.replace(/`[^`]*`/g, '``');
  });
}

/** The English locale maps every sentence to itself, so its values are all there is to read. */
const valuesOf = (file: string) => linesOf(file, (line) => line.replace(/^\s*"(?:[^"\\]|\\.)*": /, ''));

function errorTexts(): Line[] {
  const lines = linesOf('src/engine/errors.ts');
  const from = lines.findIndex(({ text }) => text.startsWith('export const ERRORS'));
  const to = lines.findIndex(({ text }) => text.startsWith('} as const satisfies'));
  return lines.slice(from, to).filter(({ text }) => !/^\s*\/\//.test(text));
}

const descriptions = () => linesOf('package.json').filter(({ text }) => /"(?:description|displayName)/.test(text));

/** README and docs, the glossary itself excepted: it lists the words. */
const PAGES = ['README.md', ...readdirSync('docs').map((name) => `docs/${name}`)].filter(
  (file) => file.endsWith('.md') && file !== 'docs/glossary.md',
);

const READ_BY_PEOPLE: [string, Rule[], () => Line[]][] = [
  ['locale/en-US.json', ENGLISH, () => valuesOf('locale/en-US.json')],
  ['locale/zh-CN.json', CHINESE, () => valuesOf('locale/zh-CN.json')],
  ['src/engine/errors.ts', ENGLISH, errorTexts],
  ['package.json', [...ENGLISH, ...CHINESE], descriptions],
  ...PAGES.map((file): [string, Rule[], () => Line[]] => [file, ENGLISH, () => proseOf(file)]),
];

function complaints(lines: Line[], rules: Rule[]): string[] {
  return lines.flatMap(({ at, text }) =>
    rules.flatMap(({ pattern, use }) => {
      const found = pattern.exec(text);
      return found ? [`${at} “${found[0]}”: ${use}`] : [];
    }),
  );
}

it.each(READ_BY_PEOPLE)('%s uses the terms of the glossary', (_file, rules, lines) => {
  expect(lines().length).toBeGreaterThan(0);
  expect(complaints(lines(), rules)).toEqual([]);
});

describe('a rule finds what it bans and nothing else', () => {
  it.each([...ENGLISH, ...CHINESE])('$bad', (rule) => {
    expect(complaints([{ at: '', text: rule.bad }], [rule])).toHaveLength(1);
  });

  it.each(LEGITIMATE)('%s', (text) => {
    expect(complaints([{ at: '', text }], [...ENGLISH, ...CHINESE])).toEqual([]);
  });
});
