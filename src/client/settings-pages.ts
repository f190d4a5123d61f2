import type { ComponentType } from 'react';
import { BackupsPage } from './backups/BackupsPage';
import { HistoryPage } from './history/HistoryPage';
import { SettingsPage } from './settings/SettingsPage';

export const SETTINGS_KEY = 'safekeep';
export const SETTINGS_PATH = `/admin/settings/${SETTINGS_KEY}`;
export const SETTINGS_ICON = 'FileProtectOutlined';
export const SEE_SNIPPET = 'pm.safekeep';

/** Of the menu entry and the page; the host has a "Backup manager" of its own. */
export const settingsTitle = (t: (sentence: string) => string): string => t('Safekeep backups');

export interface SettingsTab {
  key: string;
  title: string;
  aclSnippet: string;
  Page: ComponentType;
  /** No tab, but an entry in the permission list of roles, where its snippet is given and taken. */
  hidden?: boolean;
}

/** The tabs, in order, then the finer permissions. */
export function settingsTabs(t: (sentence: string) => string): SettingsTab[] {
  const tab = (key: string, title: string, Page: ComponentType): SettingsTab => {
    return { key, title, aclSnippet: SEE_SNIPPET, Page };
  };
  const permission = (permission: string, title: string): SettingsTab => {
    return {
      key: `may-${permission}`,
      title,
      aclSnippet: `${SEE_SNIPPET}.${permission}`,
      Page: BackupsPage,
      hidden: true,
    };
  };
  return [
    tab('backups', t('Backups'), BackupsPage),
    tab('history', t('History'), HistoryPage),
    tab('settings', t('Settings'), SettingsPage),
    permission('create', t('Create, verify, protect and annotate backups')),
    permission('download', t('Download backups')),
    permission('restore', t('Restore backups and undo restores')),
    permission('delete', t('Delete backups and previous data, remove protection')),
    permission('settings', t('Change settings and see client tools')),
  ];
}
