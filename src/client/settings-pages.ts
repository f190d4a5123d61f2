import type { ComponentType } from 'react';
import { BackupsPage } from './backups/BackupsPage';
import { HistoryPage } from './history/HistoryPage';
import { SettingsPage } from './settings/SettingsPage';

export const SETTINGS_KEY = 'safekeep';
export const SETTINGS_PATH = `/admin/settings/${SETTINGS_KEY}`;
export const SETTINGS_ICON = 'CloudServerOutlined';
export const SEE_SNIPPET = 'pm.safekeep';

export interface SettingsTab {
  key: string;
  title: string;
  aclSnippet: string;
  Page: ComponentType;
  /** Not a tab: it stands in the roles' permission list, so that its snippet can be given and taken there. */
  hidden?: boolean;
}

/** The tabs, in order, then the finer permissions. */
export function settingsTabs(t: (sentence: string) => string): SettingsTab[] {
  const permission = (right: string, title: string): SettingsTab => ({
    key: right,
    title,
    aclSnippet: `${SEE_SNIPPET}.${right}`,
    Page: BackupsPage,
    hidden: true,
  });
  return [
    { key: 'backups', title: t('Backups'), aclSnippet: SEE_SNIPPET, Page: BackupsPage },
    { key: 'history', title: t('History'), aclSnippet: SEE_SNIPPET, Page: HistoryPage },
    { key: 'settings', title: t('Settings'), aclSnippet: `${SEE_SNIPPET}.settings`, Page: SettingsPage },
    permission('create', t('Create, verify and annotate backups')),
    permission('download', t('Download backups')),
    permission('restore', t('Restore backups')),
    permission('delete', t('Delete backups')),
  ];
}
