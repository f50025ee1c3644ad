/** The cookies of one user at one site. Supports what this bench needs: every path is `/`. */
export class CookieJar {
  readonly #cookies = new Map<string, string>()

  /** The field's value; undefined if there is no cookie. */
  get header(): string | undefined {
    if (this.#cookies.size === 0) return undefined
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join('; ')
  }

  /** @param fields values of Set-Cookie */
  take(fields: readonly string[]): void {
    for (const field of fields) {
      const [pair = '', ...attributes] = field.split(/;\s*/)
      const end = pair.indexOf('=')
      const name = pair.slice(0, end)
      if (attributes.some(endsCookie)) this.#cookies.delete(name)
      else this.#cookies.set(name, pair.slice(end + 1))
    }
  }
}

function endsCookie(attribute: string): boolean {
  const [name = '', value = ''] = attribute.split('=')
  if (name.toLowerCase() === 'max-age') return Number(value) <= 0
  return name.toLowerCase() === 'expires' && Date.parse(value) <= Date.now()
}
