import type { IncomingMessage } from 'node:http'
import { BuiltFiles } from './built-files.ts'
import { ownPage } from './own-page.ts'
import { SIGN_IN_PATH, type SignIns } from './sign-ins.ts'

/** What a browser is shown that is no resource of the API: the dashboard's files, and the page behind a link to sign in. */
export class Dashboard {
  readonly #files: BuiltFiles
  readonly #signIns: SignIns

  constructor(folder: string, signIns: SignIns) {
    this.#files = new BuiltFiles(folder)
    this.#signIns = signIns
  }

  /**
   * The answer to a GET or HEAD; undefined if it asks for something else. None of these answers says anything of the load
   * balancer, so that everyone may have them, and links to them may be followed from anywhere.
   */
  answer({ method = 'GET', headers }: IncomingMessage, request: Request): Response | undefined {
    if (method !== 'GET' && method !== 'HEAD') return undefined
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === SIGN_IN_PATH) {
      // Who only looks does not use up the code.
      if (method === 'HEAD') return ownPage(200, 'Sign in', '')
      return this.#signIn(searchParams.get('code') ?? '', headers.cookie)
    }
    if (pathname === '/' && !this.#files.areThere) return notBuilt()
    return this.#files.answer(pathname, request.headers)
  }

  #signIn(code: string, cookies: string | undefined): Response {
    const cookie = this.#signIns.signIn(code, cookies)
    if (cookie === undefined) {
      return ownPage(
        403,
        'This link does not work any more',
        '<p>A link to sign in works once, within a minute. For another one, run <code>limpet dashboard</code> on the machine of Limpet.</p><p><a href="./">The dashboard, without signing in</a></p>',
      )
    }
    return new Response(null, {
      status: 303,
      headers: { Location: '/', 'Set-Cookie': cookie, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' },
    })
  }
}

function notBuilt(): Response {
  return ownPage(
    503,
    'The dashboard is not built',
    '<p>In the checkout, run <code>npm run dashboard</code>, then load this page again. <code>npm start</code> builds it by itself.</p><p>The API answers: <a href="/v1/status">/v1/status</a></p>',
  )
}
