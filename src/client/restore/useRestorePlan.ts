import { useState } from 'react';
import type { CheckView, InspectAnswer, RestoreRequest } from '../../shared/api';
import type { Content } from '../../shared/runs';
import type { Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { useLoad } from '../hooks/useLoad';

export type RestoreTarget = { name: string } | { uploadId: string };
export type FilesMode = NonNullable<RestoreRequest['filesMode']>;

export interface RestoreChoices {
  /** null: all that the backup holds. */
  contents: Content[] | null;
  filesMode: FilesMode;
  /** Codes of accepted warnings. */
  accepted: readonly string[];
}

export interface RestorePlan {
  /** The last good inspection; stays while the next one is on its way. */
  inspection: InspectAnswer | null;
  /** What the backup holds, whatever was chosen. */
  available: readonly Content[];
  failure: Failure | null;
  inspecting: boolean;
  inspectAgain(): void;
  choices: RestoreChoices;
  choose(change: Partial<RestoreChoices>): void;
  /** Blocking first, then warnings, then the rest. */
  checks: CheckView[];
  /** Nothing blocks, every warning is accepted, and the inspection is the one of these choices. */
  ready: boolean;
  request: RestoreRequest | null;
}

const ORDER = { blocking: 0, warning: 1, ok: 2 } as const;

/** Inspects the target, again whenever the contents are chosen anew, and keeps what the user has decided. */
export function useRestorePlan(target: RestoreTarget | null): RestorePlan {
  const api = useApi();
  const [choices, setChoices] = useState<RestoreChoices>({ contents: null, filesMode: 'mirror', accepted: [] });
  const question = target && { ...target, ...(choices.contents ? { contents: choices.contents } : {}) };
  const key = question && JSON.stringify(question);
  const { data, failure, loading, reload } = useLoad(
    async () => ({ key, answer: await api.backups.inspect(question ?? {}) }),
    key,
  );
  const inspection = data?.answer ?? null;
  const checks = [...(inspection?.checks ?? [])].sort((a, b) => ORDER[a.status] - ORDER[b.status]);
  const warnings = checks.filter(({ status }) => status === 'warning').map(({ code }) => code);
  const acceptWarnings = warnings.filter((code) => choices.accepted.includes(code));
  const current = data?.key === key && !loading && !failure;
  const available = inspection?.manifest.contents ?? [];
  const contents = choices.contents ?? available;
  return {
    inspection,
    available,
    failure,
    inspecting: loading,
    inspectAgain: reload,
    choices,
    choose: (change) => setChoices((before) => ({ ...before, ...change })),
    checks,
    ready: current && inspection?.restorable === true && acceptWarnings.length === warnings.length,
    request: target && {
      ...target,
      ...(choices.contents ? { contents: choices.contents } : {}),
      ...(contents.includes('files') ? { filesMode: choices.filesMode } : {}),
      acceptWarnings,
    },
  };
}
