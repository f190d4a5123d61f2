/** The data that the walk changes and expects back: the customers of the sample with their documents. */
import { randomBytes } from 'node:crypto';
import type { HostApi } from '../../scripts/host-api.mjs';
import { sha256 } from '../support/safekeep';

const CUSTOMERS = 'safekeepSampleCustomers';
const DOCUMENT_BYTES = 8 << 20;

interface Customer {
  name: string;
  balance: number;
  documents: { title: string; url: string }[];
}

/** Each customer as one line, with what its documents really hold: a restore has to bring back all of it. */
export async function readCustomers(api: HostApi): Promise<string[]> {
  const rows = (await api.get(`${CUSTOMERS}:list?paginate=false&sort=id&appends=documents`)) as Customer[];
  return await Promise.all(
    rows.map(async ({ name, balance, documents }) => {
      const contents = documents.map(async ({ title, url }) => {
        const reply = await fetch(new URL(url, api.url));
        return `${title} ${reply.ok ? sha256(Buffer.from(await reply.arrayBuffer())) : reply.status}`;
      });
      return [name, balance, ...(await Promise.all(contents))].join(' | ');
    }),
  );
}

/** A customer with a document that cannot be compressed, so that a backup has something to do. */
export async function addCustomer(api: HostApi, name: string): Promise<void> {
  const form = new FormData();
  form.append('file', new Blob([randomBytes(DOCUMENT_BYTES)]), `${name.toLowerCase().replaceAll(' ', '-')}.bin`);
  const document: object = await api.get('attachments:create', { body: form });
  await api.get(`${CUSTOMERS}:create`, { body: { name, balance: 7, documents: [document] } });
}

/** One customer altered, one removed, one added. */
export async function changeCustomers(api: HostApi): Promise<void> {
  const [first, second] = (await api.get(`${CUSTOMERS}:list?sort=id&pageSize=2`)) as { id: number }[];
  await api.get(`${CUSTOMERS}:update?filterByTk=${first?.id}`, { body: { balance: -1 } });
  await api.get(`${CUSTOMERS}:destroy?filterByTk=${second?.id}`, { method: 'POST' });
  await addCustomer(api, 'Came after the backup');
}
