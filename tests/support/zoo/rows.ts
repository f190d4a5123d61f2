/** Rows of the zoo's collections, written through the host's repositories. */
import type { Application } from '@nocobase/server';
import * as values from './values';

const { ALL_BYTES, HARD_DOUBLES, HARD_TEXTS, MAX_BIGINT, MAX_DECIMAL, MIN_BIGINT, MIN_DECIMAL, ONE_MEGABYTE_TEXT } =
  values;

type Values = Record<string, unknown>;

/** What the host's own actions would pass: fields that read from the request find their user here. */
const REQUEST = { state: { currentUser: { id: 1, nickname: "Root's \\ 🛟" } } };

export async function seedRows(app: Application): Promise<void> {
  await create(app, 'zooTypes', typeRows());
  await seedRelations(app);
  await seedTree(app);
}

/** Creates rows one by one, so that every hook of every field runs; returns their primary keys. */
async function create(app: Application, collection: string, rows: Values[]): Promise<unknown[]> {
  const repository = app.db.getRepository(collection);
  const key = app.db.getCollection(collection).filterTargetKey;
  const keys: unknown[] = [];
  for (const values of rows) {
    const record = await repository.create({ values, context: REQUEST });
    keys.push(record.get(typeof key === 'string' ? key : 'id'));
  }
  return keys;
}

function typeRows(): Values[] {
  const texts = Object.entries(HARD_TEXTS).map(([name, text]) => ({
    choice: name,
    string: text,
    text,
    markdown: text,
    code: text,
    json: { [name]: text },
    jsonb: [text, null, { [text]: text }],
    array: [text],
    typedArray: [text, ''],
  }));
  const doubles = HARD_DOUBLES.map((double) => ({ choice: 'double', double, integer: 1 }));
  const edges = [
    { integer: 2147483647, bigInt: MAX_BIGINT, decimal: MAX_DECIMAL, ...at('9999-12-31T23:59:59.999Z', '9999-12-31') },
    { integer: -2147483648, bigInt: MIN_BIGINT, decimal: MIN_DECIMAL, ...at('1000-01-01T00:00:00.000Z', '1000-01-01') },
    { integer: 0, bigInt: '0', decimal: '0.0000000001', ...at('2038-01-19T03:14:08.000Z', '2024-02-29') },
  ];
  const rows = [
    everyType(),
    ...texts,
    ...doubles,
    ...edges,
    allNull(),
    { blob: Buffer.alloc(0), text: '', string: '' },
  ];
  // The formula field reads it, and complains in the log about NULL.
  return rows.map((row, index) => ({ integer: index, ...row }));
}

const at = (moment: string, day: string): Values => ({
  date: moment,
  datetime: moment,
  datetimeTz: moment,
  dateOnly: day,
});

function everyType(): Values {
  return {
    string: HARD_TEXTS['windowsPath'],
    uniqueString: HARD_TEXTS['emoji'],
    text: HARD_TEXTS['crLf'],
    longText: ONE_MEGABYTE_TEXT,
    markdown: '# It’s\n\n```sh\nrm \\\n```\n',
    vditor: '![](/storage/uploads/a.png)',
    code: "const a = '\\\\';\r\n",
    attachmentUrl: 'https://example.com/a%20b.png?x=1&y=2',
    choice: 'a',
    integer: 42,
    bigInt: MAX_BIGINT,
    float: 1.5,
    double: 0.1 + 0.2,
    real: 2.25,
    decimal: '1234567890123456789012345678.0123456789',
    percent: 0.125,
    boolean: false,
    radio: true,
    ...at('2024-02-29T12:34:56.789Z', '2024-02-29'),
    datetimeNoTz: '2024-03-31 02:30:00',
    time: '23:59:59',
    unixTimestamp: 1709210096789,
    json: { nested: [1, null, { "it's": '\\' }], big: 1e300 },
    jsonb: { b: 2, a: 1, empty: {} },
    array: ['a', "it's", ''],
    typedArray: ['a', 'b,c', '{}', '"', 'NULL'],
    set: ['x', 'y'],
    blob: ALL_BYTES,
    password: "it's \\ secret",
    expression: '{{ $context.data.amount }} * 2',
    virtual: 'never stored',
    point: [116.397, 39.909],
    lineString: [
      [116.397, 39.909],
      [121.473, 31.23],
    ],
    circle: [116.397, 39.909, 1000.5],
    polygon: [
      [116.3, 39.9],
      [116.4, 39.9],
      [116.4, 40],
      [116.3, 39.9],
    ],
  };
}

function allNull(): Values {
  const names = ['string', 'uniqueString', 'text', 'bigInt', 'double', 'decimal', 'boolean', 'choice', 'json'];
  return Object.fromEntries(
    [...names, 'jsonb', 'array', 'blob', 'date', 'dateOnly', 'time'].map((name) => [name, null]),
  );
}

async function seedRelations(app: Application): Promise<void> {
  const tags = await create(
    app,
    'zooTags',
    Object.values(HARD_TEXTS).map((select) => ({ select })),
  );
  const people: unknown[] = [];
  for (let index = 0; index < 8; index++) {
    const [id] = await create(app, 'zooPeople', [
      {
        name: Object.values(HARD_TEXTS)[index],
        boss: people[0] ?? null,
        friends: people.slice(-2),
        profile: { bio: ONE_MEGABYTE_TEXT.slice(0, 3000 + index) },
        regions: ['11', '1101', '110101'].slice(0, index % 4),
      },
    ]);
    people.push(id);
  }
  const books = Array.from({ length: 30 }, (_, index) => ({
    title: `Book ${index} \\ it's`,
    author: people[index % people.length],
    tags: tags.slice(index % 5, (index % 5) + 3),
    tagArray: tags.slice(index % 3, (index % 3) + 2),
  }));
  const [deleted] = await create(app, 'zooBooks', books);
  // Paranoid: the row stays, with a date in deletedAt.
  await app.db.getRepository('zooBooks').destroy({ filterByTk: String(deleted) });
}

async function seedTree(app: Application): Promise<void> {
  const [root] = await create(app, 'zooTree', [{ title: 'root' }]);
  const branches = await create(app, 'zooTree', [
    { title: "it's a branch", parentId: root },
    { title: 'C:\\temp\\', parentId: root },
  ]);
  await create(app, 'zooTree', [{ title: 'leaf 🍃', parentId: branches[1] }]);
}

/** PostgreSQL only; the collections of INHERITED exist. */
export async function seedInherited(app: Application): Promise<void> {
  await create(app, 'zooVehicles', [{ wheels: 1, label: 'unicycle' }]);
  await create(app, 'zooCars', [{ wheels: 4, doors: 5 }]);
  await create(app, 'zooTaxis', [{ wheels: 4, doors: 3, sign: '🚕' }]);
}
