/** A claim as the text of a header, one character a byte of its UTF-8: lists and mappings are JSON. Undefined for none. */
export function claimText(claim: unknown): string | undefined {
  if (claim === undefined || claim === null) return undefined
  const text = typeof claim === 'string' ? claim : JSON.stringify(claim)
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The claim of that name, or of a name with dots as of mappings in each other: `realm_access.roles`. */
export function claimNamed(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let found: unknown = claims
  for (const part of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined
    found = (found as Record<string, unknown>)[part]
  }
  return found
}
