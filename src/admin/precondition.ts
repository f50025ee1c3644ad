import { createHash } from 'node:crypto'
import { OperationRefused } from './operation-refused.ts'

/** What must be true of a resource for it to be changed (RFC 9110, 13.1): lists of tags, or `*`. */
export interface Precondition {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: string | undefined
}

/** A strong tag of a value: the same for equal values, whatever the order of their keys. */
export function etagOf(value: unknown): string {
  return `"${createHash('sha256').update(canonical(value)).digest('base64url').slice(0, 22)}"`
}

/**
 * @param current the tag of the resource as it is; undefined if there is none
 * @throws OperationRefused if the resource is not as the client believes
 */
export function assertFresh({ ifMatch, ifNoneMatch }: Precondition, current: string | undefined): void {
  if (ifMatch !== undefined && !names(ifMatch, current)) {
    const now = current === undefined ? 'it does not exist' : `its ETag is now ${current}`
    throw new OperationRefused('stale', `it has changed since (${now}); read it again, then repeat the change`)
  }
  if (ifNoneMatch !== undefined && names(ifNoneMatch, current)) {
    throw new OperationRefused('stale', `it exists already, with the ETag ${current}`)
  }
}

/** Whether a list of tags, or `*`, names the current one. A weak tag names none (RFC 9110, 13.1.1). */
export function names(list: string, current: string | undefined): boolean {
  if (current === undefined) return false
  const tags: readonly string[] = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return list.trim() === '*' || tags.includes(current)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  )
}
