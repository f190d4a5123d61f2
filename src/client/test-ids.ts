/**
 * Names that browser tests hold on to (`data-testid`). Rows and actions of a backup, run or previous data carry its name or
 * id behind a colon: `safekeep-restore:<backup name>`.
 *
 * Pages            safekeep-backups, safekeep-history, safekeep-settings
 * Banners          safekeep-live-banner and safekeep-live-undo (every tab), safekeep-backup-alert (last backup failed),
 *                  safekeep-run-banner (run in progress or its result), safekeep-show-progress, safekeep-dismiss-result
 * Previous data    safekeep-previous (the list), safekeep-previous:<id>, safekeep-previous-all, safekeep-previous-undo:<id>,
 *                  safekeep-previous-save:<id>, safekeep-previous-discard:<id>, safekeep-undo-confirm,
 *                  safekeep-discard-confirm
 * Toolbar          safekeep-refresh, safekeep-restore-file, safekeep-new-backup, safekeep-search, safekeep-status-filter
 * Backups table    safekeep-backups-table, safekeep-empty, safekeep-empty-new-backup, safekeep-list-error,
 *                  safekeep-backup:<name> (the first cell), safekeep-live (mark in it), safekeep-status:<name> (data-status),
 *                  safekeep-verified:<name> (data-result), safekeep-restore:<name>, safekeep-download:<name>,
 *                  safekeep-more:<name>, safekeep-cancel:<run id>, safekeep-cancel-confirm
 * Its menu         safekeep-details, safekeep-verify, safekeep-protect, safekeep-edit-note, safekeep-delete,
 *                  safekeep-delete-confirm
 * New backup       safekeep-create-dialog, safekeep-create-previous, safekeep-create-contents,
 *                  safekeep-create-contents:<content>, safekeep-create-note, safekeep-create-submit
 * Edit note        safekeep-note-dialog, safekeep-note-input, safekeep-note-submit
 * Details          safekeep-details-drawer, safekeep-drawer-restore, safekeep-drawer-download, safekeep-drawer-verify,
 *                  safekeep-drawer-protect, safekeep-drawer-edit-note, safekeep-file-name, safekeep-sha256,
 *                  safekeep-verified-fact, safekeep-table-search, safekeep-tables
 * Restore: file    safekeep-restore-dialog, safekeep-upload-file (holds the file input), safekeep-upload-progress
 *                  (data-phase), safekeep-keep-upload
 * Restore: check   safekeep-checks (rows with data-check and data-status), safekeep-checks-shown, safekeep-checks-fold,
 *                  safekeep-checks-passed, safekeep-accept:<check code>, safekeep-verify-first, safekeep-verifying,
 *                  safekeep-restore-contents, safekeep-files-mode, safekeep-restore-next, safekeep-restore-back
 * Restore: confirm safekeep-losses, safekeep-loss:<table>, safekeep-removed-files, safekeep-partial, safekeep-discards,
 *                  safekeep-discards:<id>, safekeep-undo-first:<id>, safekeep-save-first:<id>, safekeep-accept-discard,
 *                  safekeep-foreign-archive, safekeep-restore-plan, safekeep-restore-no-undo, safekeep-shared-folder,
 *                  safekeep-confirm-name, safekeep-restore-submit
 * Errors           safekeep-error (role=alert: message, hint, code), safekeep-retry
 * Run              safekeep-run-dialog, safekeep-run-progress (data-percent, data-step), safekeep-run-unavailable,
 *                  safekeep-run-result (data-status), safekeep-undo:<run id>, safekeep-undo-state, safekeep-run-log,
 *                  safekeep-run-close
 * History          safekeep-kind-filter, safekeep-result-filter, safekeep-runs-table, safekeep-run:<id>,
 *                  safekeep-run-open:<id>, safekeep-run-source:<id>, safekeep-run-status:<id> (data-status),
 *                  safekeep-undo-state:<id>, safekeep-run-drawer
 * Settings         safekeep-max-backups, safekeep-default-contents, safekeep-undo-hours, safekeep-settings-save,
 *                  safekeep-settings-facts, safekeep-folder, safekeep-free-space, safekeep-tools
 */
export const testId = (name: string, subject?: string) => ({
  'data-testid': subject === undefined ? `safekeep-${name}` : `safekeep-${name}:${subject}`,
});
