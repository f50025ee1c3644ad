import type { Coding } from '../../runtime/filter-settings.ts'

/** An Accept-Encoding is read up to here: what follows counts as not accepted. */
const LONGEST = 1000

/**
 * The coding that a client wants most (RFC 9110 §12.5.3); of several that it wants equally, the first of those offered. Undefined if it
 * accepts none of them, or prefers the body as it is.
 */
export function acceptedCoding(field: string, offered: readonly Coding[]): Coding | undefined {
  const weights = weightsIn(field.slice(0, LONGEST))
  const others = weights.get('*') ?? 0
  let best: Coding | undefined
  let most = 0
  for (const coding of offered) {
    const weight = weights.get(coding) ?? (coding === 'gzip' ? weights.get('x-gzip') : undefined) ?? others
    if (weight <= most) continue
    best = coding
    most = weight
  }
  return most < (weights.get('identity') ?? 0) ? undefined : best
}

function weightsIn(field: string): Map<string, number> {
  const weights = new Map<string, number>()
  for (const member of field.split(',')) {
    const [name, ...parameters] = member.split(';')
    const weight = parameters.map((each) => /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/i.exec(each)?.[1]).find(Boolean)
    const isValid = parameters.length === 0 || weight !== undefined
    weights.set(name!.trim().toLowerCase(), isValid ? Math.min(1, Number(weight ?? 1)) : 0)
  }
  return weights
}
