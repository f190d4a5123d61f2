/** The names of a folder's slots. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import type { SwitchoverMode } from './roots';

/** Names of slots; such entries are never backed up and never moved as content. */
export const SLOT_NAME =
  /^\.(?:.+\.)?safekeep-[a-z0-9]+\.(?:staged|previous|moving|occupied|names|names-next|dropped)$/s;

/** Plain JSON, written to the journal. */
export interface FolderPlan {
  /** Real path. */
  folder: string;
  mode: SwitchoverMode;
  /** Lower-case letters and digits. */
  id: string;
}

export const folderPlanSchema: z.ZodType<FolderPlan> = z.object({
  folder: z.string().refine((folder) => path.isAbsolute(folder)),
  mode: z.enum(['rename', 'children', 'files']),
  id: z.string().regex(/^[a-z0-9]+$/),
});

/** File systems allow 255 bytes for a name; the rest is for what a slot appends. */
const MAX_BASE_BYTES = 200;

export function slotsOf(plan: FolderPlan): { staged: string; previous: string; moving: string } {
  const base = baseOf(plan);
  return { staged: `${base}.staged`, previous: `${base}.previous`, moving: `${base}.moving` };
}

/** The contents of both sides, noted before anything moves. */
export function namesFile(plan: FolderPlan): string {
  return `${baseOf(plan)}.names`;
}

/** Mode 'files': files of the live side whose places other apps have taken. */
export function occupiedOf(plan: FolderPlan): string {
  return `${baseOf(plan)}.occupied`;
}

/** A slot that is being deleted. */
export function droppedOf(plan: FolderPlan): string {
  return `${baseOf(plan)}.dropped`;
}

function baseOf(plan: FolderPlan): string {
  return plan.mode === 'rename'
    ? path.join(path.dirname(plan.folder), `.${shortened(path.basename(plan.folder))}.safekeep-${plan.id}`)
    : path.join(plan.folder, `.safekeep-${plan.id}`);
}

/** A name short enough for a suffix; long ones stay unique by their hash. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_BASE_BYTES) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${name.replace(/[^\w.-]/g, '').slice(0, 100)}-${hash}`;
}
