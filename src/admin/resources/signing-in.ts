import { createRoute, z } from '@hono/zod-openapi'
import { Me } from '../answers.ts'
import type { SignIns } from '../dashboard/sign-ins.ts'
import { Time } from '../fields.ts'
import { type Descriptions, json, jsonInBody, type Resources, refusals } from '../resource.ts'

const Scope = z.enum(['read', 'write'])

const DashboardLink = z
  .object({
    path: z.string().openapi({ description: 'To be opened in a browser, once.', example: '/sign-in?code=…' }),
    expires: Time,
    scope: Scope.openapi({ description: 'What the browser may do.' }),
  })
  .openapi('DashboardLink')

/** Who asks, and how browsers sign in. */
export function addSigningIn(api: Resources, { reads, readsOptionalJson }: Descriptions, signIns: SignIns): void {
  const me = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/me',
    summary: 'Who asks, and what they may do',
    responses: { 200: json(Me, 'The caller.'), ...refusals },
  })
  api.openapi(me, ({ env: { caller, isBrowser }, json: answer }) => {
    return answer({ name: caller.name, scope: caller.scope, signedIn: isBrowser }, 200)
  })

  const link = createRoute({
    ...readsOptionalJson,
    method: 'post',
    path: '/v1/dashboard-links',
    summary: 'A link that signs a browser in to the dashboard, once, within a minute',
    request: {
      body: jsonInBody(
        z.strictObject({
          scope: Scope.optional().openapi({ description: "At most the caller's own, which is the default." }),
        }),
        false,
      ),
    },
    responses: { 200: json(DashboardLink, 'The link.'), ...refusals },
  })
  api.openapi(link, (context) => {
    const { caller, isBrowser } = context.env
    const { scope = caller.scope } = context.req.valid('json')
    const { path, expires } = signIns.link(caller, scope, isBrowser)
    return context.json({ path, expires: new Date(expires).toISOString(), scope }, 200)
  })

  const signOut = createRoute({
    ...reads,
    method: 'post',
    path: '/v1/sign-out',
    summary: 'Signs the browser out',
    responses: { 200: json(z.object({ signedIn: z.literal(false) }), 'It is signed out.'), ...refusals },
  })
  api.openapi(signOut, (context) => {
    context.header('Set-Cookie', signIns.signOut(context.env.incoming.headers.cookie))
    return context.json({ signedIn: false as const }, 200)
  })
}
