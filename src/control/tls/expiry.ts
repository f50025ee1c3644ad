import { type CertificateOrigin, hostsInWords } from './tls-material.ts'

const DAY = 86_400_000

/** From when on a certificate's end is reported, in ms before it, or in parts of its lifetime if that is short. */
const SOON = { ms: 14 * DAY, part: 1 / 3 }
const VERY_SOON = { ms: 3 * DAY, part: 1 / 10 }

/** That a certificate ends soon, or has ended. */
export interface Expiry {
  readonly level: 'warn' | 'error'
  readonly message: string
}

/** Undefined for a certificate that is valid for long enough. */
export function remaining({ certificate, facts }: CertificateOrigin, now: number): Expiry | undefined {
  const { notBefore, notAfter } = facts
  const left = notAfter - now
  const isWithin = ({ ms, part }: typeof SOON) => left < Math.min(ms, (notAfter - notBefore) * part)
  if (!isWithin(SOON)) return undefined
  const name = `certificate of ${hostsInWords(certificate)} (${certificate.name})`
  const end = new Date(notAfter).toISOString()
  if (left <= 0) return { level: 'error', message: `${name} has expired: it was valid until ${end}; clients refuse it` }
  const span = left < DAY ? 'in less than a day' : `in ${daysLeft(notAfter, now)} day(s)`
  return { level: isWithin(VERY_SOON) ? 'error' : 'warn', message: `${name} expires ${span}, on ${end}` }
}

/** Whole days until then; negative once it is over. */
export function daysLeft(notAfter: number, now: number): number {
  return Math.floor((notAfter - now) / DAY)
}
