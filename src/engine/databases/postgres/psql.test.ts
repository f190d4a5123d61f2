import { expect, it } from 'vitest';
import { withoutRows } from './psql';

it.each([
  ['psql:<stdin>:7: ERROR:  null value in column "a"', 'psql:<stdin>:7: ERROR:  null value in column "a"'],
  ['DETAIL:  Failing row contains (1, Jane Doe, secret).', 'DETAIL:  Failing row contains (…).'],
  ['CONTEXT:  COPY things, line 12, column title: "Jane"', 'CONTEXT:  COPY things, line 12'],
  ['CONTEXT:  COPY "my, table", line 3: "1\tJane"', 'CONTEXT:  COPY "my, table", line 3'],
])('tells no rows: %s', (said, told) => {
  expect(withoutRows(said)).toBe(told);
});
