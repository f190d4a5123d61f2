import { Plugin, useAclSnippets, useApp } from '@nocobase/client';
import { useMemo, type ComponentType } from 'react';
import { PLUGIN_NAME } from '../shared/api';
import { connectHost } from './connect-host';
import { HostProvider } from './host';
import { SEE_SNIPPET, SETTINGS_ICON, SETTINGS_KEY, SETTINGS_PATH, settingsTabs, settingsTitle } from './settings-pages';

/** Mounts a page in the classic client. */
function inThisClient(Page: ComponentType): ComponentType {
  return function SafekeepPage() {
    const app = useApp();
    const { allow } = useAclSnippets();
    const host = useMemo(() => connectHost(app, allow), [app, allow]);
    return (
      <HostProvider host={host}>
        <Page />
      </HostProvider>
    );
  };
}

export default class SafekeepClient extends Plugin {
  override async load() {
    const t = (sentence: string) => this.t(sentence);
    const settings = this.app.pluginSettingsManager;
    settings.add(SETTINGS_KEY, { title: settingsTitle(t), icon: SETTINGS_ICON, aclSnippet: SEE_SNIPPET });
    settingsTabs(t).forEach(({ key, title, aclSnippet, Page, hidden }, sort) =>
      settings.add(`${SETTINGS_KEY}.${key}`, { title, aclSnippet, hidden, sort, Component: inThisClient(Page) }),
    );
    // The plugin card shows "Settings" only for a settings page named like the plugin.
    settings.add(PLUGIN_NAME, {
      title: settingsTitle(t),
      hidden: true,
      link: SETTINGS_PATH,
      skipAclConfigure: true,
    });
  }
}
