import type { KeyPath } from '../key-path.ts'

/** Whether the path ends at the users of a filter, whose hashes are in no message. */
export function isHashOfFilter(path: KeyPath): boolean {
  const users = path.lastIndexOf('users')
  return users > 0 && path[users - 1] === 'basicAuth' && path.length - users <= 2
}
