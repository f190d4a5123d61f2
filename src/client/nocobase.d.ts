/** The few symbols of the host's two clients that the entries use; its packages publish no types that install. */

interface SafekeepHostRequestConfig {
  url: string;
  method?: string;
  params?: Record<string, unknown>;
  data?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  onUploadProgress?: (event: { loaded: number }) => void;
  /** The host pops up no message of its own when the request fails. */
  skipNotify?: boolean;
}

interface SafekeepHostApplication {
  apiClient: { request(config: SafekeepHostRequestConfig): Promise<{ data: unknown }> };
  /** Websocket messages arrive as `ws:message:<type>` events with the payload as `detail`. */
  eventBus: EventTarget;
  getApiUrl(path?: string): string;
}

declare module '@nocobase/client' {
  import type { ComponentType } from 'react';

  export interface PluginSettingOptions {
    title: string;
    icon?: string;
    Component?: ComponentType;
    aclSnippet?: string;
    skipAclConfigure?: boolean;
    hidden?: boolean;
    link?: string;
    sort?: number;
  }
  export class Plugin {
    app: { pluginSettingsManager: { add(name: string, options: PluginSettingOptions): void } };
    t(sentence: string): string;
    load(): Promise<void>;
  }
  export function useApp(): SafekeepHostApplication;
  export function useAclSnippets(): { allow(snippet: string): boolean };
}

declare module '@nocobase/client-v2' {
  import type { ComponentType } from 'react';

  export interface SettingsMenuItem {
    key: string;
    title: string;
    icon?: string;
    showTabs?: boolean;
    aclSnippet?: string;
  }
  export interface SettingsPageTabItem {
    menuKey: string;
    key: string;
    title: string;
    sort?: number;
    aclSnippet?: string;
    hidden?: boolean;
    Component: ComponentType;
  }
  export class Plugin {
    app: SafekeepHostApplication;
    pluginSettingsManager: {
      addMenuItem(item: SettingsMenuItem): void;
      addPageTabItem(item: SettingsPageTabItem): void;
      setPluginSettingsLink?(pluginName: string, menuKey: string): void;
    };
    t(sentence: string): string;
    load(): Promise<void>;
  }
  export function useApp(): SafekeepHostApplication;
  export function useAclSnippets(): { allow(snippet: string): boolean };
}
