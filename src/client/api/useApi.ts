import { useMemo } from 'react';
import { useHost } from '../host';
import { createApi, type Api } from './api';

export function useApi(): Api {
  const host = useHost();
  return useMemo(() => createApi(host), [host]);
}
