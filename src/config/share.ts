import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { written } from './field.ts'

const pattern = /^(\d{1,3}(?:\.\d{1,2})?)%$/

const aShare = 'a percentage from 0% to 100%, such as 25% or 0.5%'

/** @returns in hundredths of a percent */
function parseShare(text: string | number): number {
  const match = pattern.exec(String(text))
  // Whole hundredths, since 0.29 is not 29 hundredths in binary.
  const share = match ? Math.round(Number(match[1]) * 100) : text === 0 ? 0 : Number.NaN
  if (!(share <= 10_000)) throw new InvalidValue(aShare, hintFor(text))
  return share
}

/** A bare number is one of a hundred, or a fraction of 1. */
function hintFor(text: string | number): string | undefined {
  const number = Number(text)
  if (text === '' || !(number > 0 && number <= 100)) return undefined
  return `write ${number < 1 ? `${Math.round(number * 10_000) / 100}%` : `${Math.round(number * 100) / 100}%`}`
}

/** Writes the share with its sign: `0.5%`. */
export function formatShare(share: number): string {
  return `${share / 100}%`
}

/** A share of requests or of users, in hundredths of a percent. */
export const Share = written(
  z.union([z.string(), z.number()], aShare).meta({ description: aShare }),
  parseShare,
  (share): string | number => formatShare(share),
)
