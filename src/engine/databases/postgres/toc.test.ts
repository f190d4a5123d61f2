import { describe, expect, it } from 'vitest';
import { isOwnedByThese, listFile, parseToc, sortToc } from './toc';

const LIST = `;
; Archive created at 2026-01-01 00:00:00 UTC
;     dbname: app
;
6; 2615 2200 SCHEMA - public pg_database_owner
3000; 0 0 COMMENT - SCHEMA "public" pg_database_owner
2999; 0 0 COMMENT - SCHEMA Tenant A 😀 app
3001; 0 0 ACL - SCHEMA public pg_database_owner
2; 3079 16386 EXTENSION - hstore 
3002; 0 0 COMMENT - EXTENSION hstore 
215; 1259 16386 TABLE public users app
216; 1259 16387 TABLE public my table my role
217; 1259 16388 TABLE other secrets app
3003; 0 0 TABLE DATA public users app
3004; 0 0 ACL public TABLE users app
826; 826 16400 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES app
3005; 2606 16401 FK CONSTRAINT public users users_boss_fkey app
5; 2615 16402 SCHEMA - Tenant A 😀 app
218; 1259 16403 TABLE Tenant A 😀 t app
3006; 2613 16500 BLOB - 16500 app
`;

describe('the table of contents of a dump', () => {
  const entries = parseToc(LIST, ['public', 'Tenant A 😀']);

  it('is split into loaded entries, privileges, and entries that others create or own', () => {
    const lists = sortToc(entries, ['public', 'Tenant A 😀']);
    const ids = (found: typeof entries) => found.map(({ line }) => Number.parseInt(line, 10));
    expect(ids(lists.main)).toEqual([215, 216, 3003, 3005, 218]);
    expect(ids(lists.schemaPrivileges)).toEqual([3001]);
    expect(ids(lists.privileges)).toEqual([3004, 826]);
    expect(ids(lists.elsewhere)).toEqual([6, 3000, 2999, 2, 3002, 5]);
    expect(ids(lists.skipped)).toEqual([217, 3006]);
    expect(listFile(lists.privileges)).toBe(
      '3004; 0 0 ACL public TABLE users app\n826; 826 16400 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES app\n',
    );
  });

  it('determines whether all owners are among the possible owners here', () => {
    const { main } = sortToc(entries, ['public', 'Tenant A 😀']);
    expect(isOwnedByThese(main, ['app', 'my role'])).toBe(true);
    expect(isOwnedByThese(main, ['app'])).toBe(false);
  });
});
