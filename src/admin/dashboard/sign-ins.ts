import type { IncomingMessage } from 'node:http'
import type { Caller, Scope } from '../access.ts'
import { OperationRefused } from '../operation-refused.ts'
import { dashboardCookieOf } from './cookie.ts'
import { Grants } from './grants.ts'

/** How long a link may be opened, in ms. */
const LINK_LIFETIME = 60_000
const MOST_LINKS = 16
/** How long a browser stays signed in, in ms. */
const SIGNED_IN_FOR = 12 * 3_600_000
const MOST_SIGNED_IN = 64

/** Where a link of `limpet dashboard` leads. */
export const SIGN_IN_PATH = '/sign-in'

/** A link to sign in with. */
export interface SignInLink {
  /** Of the admin listener: `/sign-in?code=…` */
  readonly path: string
  /** In ms since 1970. */
  readonly expires: number
}

/**
 * Browsers that have signed in: a link with a code that works once is exchanged for a cookie. Both are kept in memory only,
 * so that a restart signs everybody out.
 */
export class SignIns {
  readonly #codes: Grants
  readonly #sessions: Grants
  readonly #cookie: string

  /** @param instance cookies do not tell ports apart, so that theirs have the name of the instance in them */
  constructor(instance: string, clock?: () => number) {
    const shared = clock === undefined ? {} : { clock }
    this.#codes = new Grants({ lifetime: LINK_LIFETIME, most: MOST_LINKS, ...shared })
    this.#sessions = new Grants({ lifetime: SIGNED_IN_FOR, most: MOST_SIGNED_IN, ...shared })
    this.#cookie = dashboardCookieOf(instance)
  }

  /**
   * A link for whom may do at most what the caller may.
   *
   * @throws OperationRefused if more is asked for, or by a browser: it would stay signed in for ever by its own links
   */
  link(caller: Caller, scope: Scope, isBrowser: boolean): SignInLink {
    if (isBrowser) throw new OperationRefused('forbidden', 'a browser cannot make links; run limpet dashboard')
    if (scope === 'write' && caller.scope === 'read') {
      throw new OperationRefused('forbidden', `${caller.name} may only read, and so may a link: ask for scope read`)
    }
    const { secret, expires } = this.#codes.issue({ name: `${caller.name} (dashboard)`, scope })
    return { path: `${SIGN_IN_PATH}?code=${secret}`, expires }
  }

  /**
   * Signs in with a code, which can be used once. Whoever the browser was signed in as before is signed out.
   *
   * @returns the Set-Cookie header; undefined if the code was used, has expired, or never was
   */
  signIn(code: string, cookies: string | undefined): string | undefined {
    const caller = this.#codes.holderOf(code)
    if (caller === undefined) return undefined
    this.#codes.revoke(code)
    this.#end(cookies)
    return this.#setCookie(this.#sessions.issue(caller).secret, SIGNED_IN_FOR / 1000)
  }

  /** Ends the session of these cookies. Returns the Set-Cookie header that removes them. */
  signOut(cookies: string | undefined): string {
    this.#end(cookies)
    return this.#setCookie('', 0)
  }

  /**
   * Who has signed in with the browser that sent this; undefined if nobody has.
   *
   * @throws OperationRefused if it would change something, and may not come from a page of this listener: `Origin` says so,
   *   which the gate has compared, or `Sec-Fetch-Site`
   */
  callerOf({ method = 'GET', headers }: IncomingMessage): Caller | undefined {
    const caller = this.#valuesIn(headers.cookie)
      .map((value) => this.#sessions.holderOf(value))
      .find((found) => found !== undefined)
    if (caller === undefined || method === 'GET' || method === 'HEAD') return caller
    if (headers.origin !== undefined || headers['sec-fetch-site'] === 'same-origin') return caller
    const detail = 'with a cookie, a change needs the Origin header of this listener; programs send a token'
    throw new OperationRefused('forbidden', detail)
  }

  #end(cookies: string | undefined): void {
    for (const value of this.#valuesIn(cookies)) this.#sessions.revoke(value)
  }

  /** Usually one. A page on another port of this host may have set others of that name. */
  #valuesIn(cookies = ''): readonly string[] {
    const prefix = `${this.#cookie}=`
    return cookies
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(prefix))
      .map((pair) => pair.slice(prefix.length))
  }

  /** Without Secure: the admin listener speaks HTTP, mostly on loopback. */
  #setCookie(value: string, maxAge: number): string {
    return `${this.#cookie}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict`
  }
}
