import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http'
import { join } from 'node:path'
import send from 'send'
import { answer, isRead, pathOf, serve } from '../server.ts'

/** Where the page links to a dashboard, if there is one. */
const dashboard = process.env.DASHBOARD_URL
const root = join(import.meta.dirname, 'public')

serve((request, response) => {
  if (!isRead(request)) return answer(response, 405, 'Only GET and HEAD.\n', { Allow: 'GET, HEAD' })

  if (dashboard) response.setHeader('X-Dashboard', dashboard)
  send(request, pathOf(request), { root, cacheControl: false })
    .on('headers', (_, file: string) => {
      response.setHeader('Cache-Control', file.endsWith('.html') ? 'no-cache' : 'public, max-age=60')
      response.setHeader('Content-Security-Policy', "default-src 'self'")
      response.setHeader('X-Content-Type-Options', 'nosniff')
    })
    .on('error', (error: { status: number; headers?: OutgoingHttpHeaders }) => {
      if (response.headersSent) response.destroy()
      else answer(response, error.status, `${STATUS_CODES[error.status]}\n`, error.headers)
    })
    .pipe(response)
})
