/** What every story needs. */
import { randomBytes } from 'node:crypto';
import type { Browser } from 'playwright-core';
import type { HostApi } from '../../../scripts/host-api.mjs';
import type { OpenOptions } from '../../support/browser';
import type { RealHost } from '../../support/real-host';
import { type Client, SafekeepPage } from '../safekeep-page';

export const STORY = { timeout: 600_000 };

export interface Scene {
  database: string;
  browser: Browser;
  /** With the sample. */
  host: RealHost;
  /** The client in which the story happens, and the other one. */
  client: Client;
  otherClient: Client;
  /** For files; temporary. */
  folder: string;
}

/** Stories are declared before the hosts are up. */
export type SceneOf = () => Scene;

/** `story` begins the names of the screenshots. */
export async function openPage(
  { browser, host, database }: Scene,
  client: Client,
  story: string,
  options: Omit<OpenOptions, 'path'> = {},
): Promise<SafekeepPage> {
  return await SafekeepPage.open(browser, host, client, `${database}-${story}`, options);
}

/** Adds a user with these roles and returns how to sign in. */
export async function addUser(api: HostApi, nickname: string, roles: string[]): Promise<Account> {
  const username = `${nickname.toLowerCase().replaceAll(' ', '.')}.${randomBytes(3).toString('hex')}`;
  const account = { username, password: 'secret-123' };
  await api.get('users:create', { body: { ...account, nickname, roles } });
  return account;
}

export interface Account {
  username: string;
  password: string;
}

/** A token of the user; a restore ends those of before. */
export async function signIn(api: HostApi, { username, password }: Account): Promise<string> {
  const { token } = (await api.get('auth:signIn', {
    body: { account: username, password },
    token: '',
    headers: { 'x-authenticator': 'basic' },
  })) as { token: string };
  return token;
}
