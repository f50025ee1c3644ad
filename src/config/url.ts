import { InvalidValue } from './error.ts'

/** Reads a URL of one of those protocols (`https:`), and leaves it as it is written. */
export function urlWith(...protocols: string[]) {
  return (written: string): string => {
    if (!URL.canParse(written) || !protocols.includes(new URL(written).protocol)) {
      throw new InvalidValue(`a URL with ${protocols.map((each) => `${each}//`).join(' or ')}`)
    }
    return written
  }
}

const httpUrl = urlWith('http:', 'https:')

/**
 * Reads a URL with http:// or https://, which messages and logs may show: it has no password, and no part that is not sent.
 *
 * @param hint where a user and a password are written instead
 */
export function shownUrl(written: string, hint?: string): string {
  const { username, password, hash } = new URL(httpUrl(written))
  if (username !== '' || password !== '') throw new InvalidValue('a URL without a user or a password', hint)
  if (hash !== '') throw new InvalidValue('a URL without #')
  return written
}
