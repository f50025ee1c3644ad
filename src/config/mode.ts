import { InvalidValue } from './error.ts'

/** The notation of a socket's permissions: octal; at least the owner may connect. */
export const modePattern = /^0?[267][0267]{2}$/

export const aMode = 'octal permissions made of the digits 0, 2, 6 and 7, such as 0660'

/** Permissions, from `0660` as text or as the number that YAML reads it as. Throws InvalidValue. */
export function parseMode(written: string | number): number {
  const digits = String(written)
  if (modePattern.test(digits)) return Number.parseInt(digits, 8)
  // YAML 1.2 reads 0o660, and other programs 0660, as the number itself.
  const octal = Number(written).toString(8)
  throw new InvalidValue(aMode, modePattern.test(octal) ? `write 0${octal}` : undefined)
}

/** Writes the permissions as in the file. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
