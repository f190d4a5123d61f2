import { Plugin, useAclSnippets, useApp } from '@nocobase/client-v2';
import { useMemo, type ComponentType } from 'react';
import { connectHost } from '../client/connect-host';
import { HostProvider } from '../client/host';
import { SEE_SNIPPET, SETTINGS_ICON, SETTINGS_KEY, settingsTabs, settingsTitle } from '../client/settings-pages';
import { PLUGIN_NAME } from '../shared/api';

/** Mounts a page in the modern client. */
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

export default class SafekeepClientV2 extends Plugin {
  override async load() {
    const t = (sentence: string) => this.t(sentence);
    const settings = this.pluginSettingsManager;
    settings.addMenuItem({
      key: SETTINGS_KEY,
      title: settingsTitle(t),
      icon: SETTINGS_ICON,
      showTabs: true,
      aclSnippet: SEE_SNIPPET,
    });
    settingsTabs(t).forEach(({ Page, ...tab }, sort) =>
      settings.addPageTabItem({ ...tab, menuKey: SETTINGS_KEY, sort, Component: inThisClient(Page) }),
    );
    settings.setPluginSettingsLink?.(PLUGIN_NAME, SETTINGS_KEY);
  }
}
