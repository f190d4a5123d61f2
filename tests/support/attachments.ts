/** Files as a browser uploads them, and as it gets them back. */
import type { HostApi } from '../../scripts/host-api.mjs';

export interface Attachment {
  id: number;
  filename: string;
  /** Below the folder of its storage; '' for none. */
  path: string;
  url: string;
}

export async function uploadFile(api: HostApi, name: string, content: string): Promise<Attachment> {
  const body = new FormData();
  body.append('file', new File([content], name, { type: 'text/plain' }));
  return await api.get('attachments:create', { body });
}

/** Removes the record, and with it the host removes the file. */
export async function removeFile(api: HostApi, { id }: Pick<Attachment, 'id'>): Promise<void> {
  await api.get(`attachments:destroy?filterByTk=${id}`, { method: 'POST' });
}

/** What the app serves; null unless it answers with 200. */
export async function served(api: HostApi, { url }: Pick<Attachment, 'url'>): Promise<string | null> {
  const headers = { authorization: `Bearer ${api.token}`, 'x-authenticator': 'basic' };
  const reply = await fetch(new URL(url, api.url), { headers });
  return reply.status === 200 ? await reply.text() : null;
}
