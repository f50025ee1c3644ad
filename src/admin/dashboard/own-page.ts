import { createHash } from 'node:crypto'

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:34rem;margin:18vh auto;padding:0 1.5rem}h1{font-size:1.25rem}code{padding:.15em .45em;border-radius:.3em;background:light-dark(#eef0f2,#22272c)}`
const styleHash = createHash('sha256').update(STYLE).digest('base64')

/** The headers of whatever a browser shows: nothing of another origin, in no frame. */
export const OWN_ORIGIN_ONLY: Readonly<Record<string, string>> = {
  'Content-Security-Policy': policy(
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
  ),
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** A page of a few words. `text` is HTML. */
export function ownPage(status: number, title: string, text: string): Response {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} · Limpet</title><style>${STYLE}</style><h1>${title}</h1>${text}</html>\n`
  return new Response(html, {
    status,
    headers: {
      ...OWN_ORIGIN_ONLY,
      'Content-Security-Policy': policy(`style-src 'sha256-${styleHash}'`),
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-store',
    },
  })
}

function policy(...allowed: readonly string[]): string {
  return ["default-src 'none'", ...allowed, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"].join(
    '; ',
  )
}
