import { z } from 'zod'
import { Duration, matching } from '../field.ts'
import { token } from '../header-fields.ts'

const Origin = matching(
  /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^/*\s]+$/,
  'an origin such as https://www.example.org or https://*.example.org',
)
const Token = matching(token, 'a token')

export const CorsFilter = z
  .strictObject({
    origins: z
      .union([z.literal('any'), z.array(Origin).min(1, 'at least one origin')], 'any, or a list of origins')
      .describe(
        'The origins whose pages may read answers: any, or a list; https://*.example.org is every name below it.',
      ),
    methods: z
      .array(Token)
      .prefault(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      .describe('The methods that preflights allow.'),
    headers: z
      .union([z.literal('any'), z.array(Token)], 'any, or a list of headers')
      .prefault('any')
      .describe('The headers of requests that preflights allow. any: those that the page asks for.'),
    expose: z.array(Token).prefault([]).describe('The headers of answers that pages may read.'),
    credentials: z.boolean().prefault(false).describe('Whether pages may send cookies, and read the answers.'),
    maxAge: Duration.prefault('10m').describe('How long browsers may remember the answer to a preflight.'),
  })
  .check(({ value, issues }) => {
    if (!value.credentials || value.origins !== 'any') return
    const hint = 'list the origins: with any, every page on the web could act in the name of your users'
    issues.push({
      code: 'custom',
      message: 'a list of origins with credentials',
      params: { hint },
      path: ['origins'],
      input: 'any',
    })
  })
  .describe('Says which pages of other origins may read answers (CORS), and answers preflights.')
