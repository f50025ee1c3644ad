/** A command failed for a reason that the user can fix. The message says why, and how to fix it. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}
