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
