import { useState } from 'react';
import { useApi } from '../api/useApi';
import { useHost } from '../host';
import { useReport } from './useReport';

/** Fetches a link that expires and has the browser stream it to disk: nothing is held in the page. */
export function useDownload() {
  const host = useHost();
  const api = useApi();
  const report = useReport();
  const [busy, setBusy] = useState(false);
  const download = async (name: string) => {
    setBusy(true);
    try {
      const { url } = await api.backups.ticket(name);
      const link = document.createElement('a');
      link.href = host.resolveUrl(url);
      link.download = '';
      link.hidden = true;
      document.body.append(link);
      link.click();
      link.remove();
    } catch (error) {
      report(error);
    } finally {
      setBusy(false);
    }
  };
  return { download, busy };
}
