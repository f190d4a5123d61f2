import { expect, it } from 'vitest';
import { complaintOf, withoutRows } from './complaint';

it.each([
  ['null value in column "a" of relation "t"', 'null value in column "a" of relation "t"'],
  ['Failing row contains (1, Jane Doe,\nsecret).', 'Failing row contains (…).'],
  ['CONTEXT:  COPY things, line 12, column title: "Jane"', 'CONTEXT:  COPY things, line 12'],
  ['CONTEXT:  COPY "my, table", line 3: "1\tJane"', 'CONTEXT:  COPY "my, table", line 3'],
  ['Key (name, city)=(Jane, Köln) already exists.', 'Key (name, city)=(…) already exists.'],
  ['invalid input syntax for type integer: "Jane\nDoe"', 'invalid input syntax for type integer: "…"'],
  ['value "99999999999" is out of range for type integer', 'value "…" is out of range for type integer'],
  [
    'insert or update on table "child" violates foreign key constraint "k"',
    'insert or update on table "child" violates foreign key constraint "k"',
  ],
])('contains no rows: %s', (message, expected) => expect(withoutRows(message)).toBe(expected));

it('is one line, whatever the server reports', () => {
  const error = {
    ...{ severity: 'ERROR', code: '23505', message: 'duplicate key value violates unique constraint "u"' },
    ...{ detail: 'Key (a)=(Jane) is\nduplicated.', where: 'COPY t, line 3: "Jane"' },
  };
  expect(complaintOf(error)).toBe(
    'ERROR:  duplicate key value violates unique constraint "u" / DETAIL:  Key (a)=(…) is duplicated. / CONTEXT:  COPY t, line 3',
  );
  expect(complaintOf(new Error('gone'))).toBe('gone');
});
