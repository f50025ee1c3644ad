/** A command could not do what it was asked for. The message says why, and what would help. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}
