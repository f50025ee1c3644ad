import { z } from 'zod'
import type { Bypass } from '../../runtime/filter-settings.ts'
import { durationUpTo, matching, oneOrMore, written } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { AddressRules } from './address-rules.ts'
import { checkPage, pageKeys } from './page.ts'

const name = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** What may stand in a cookie (RFC 6265 §4.1.1), and in a header without quotes. */
const value = '[!#-+\\--:<-\\[\\]-~]{8,256}'
const keys = new RegExp(`^(?:header|cookie):${name}=${value}$`)
const aKey = 'cookie:NAME=SECRET or header:NAME=SECRET, with a secret of 8 characters or more'

function parseBypass(text: string): Bypass {
  const [colon, equals] = [text.indexOf(':'), text.indexOf('=')]
  const from = text.slice(0, colon) as Bypass['from']
  const name = text.slice(colon + 1, equals)
  return { from, name: from === 'header' ? name.toLowerCase() : name, secret: text.slice(equals + 1) }
}

export function formatBypass({ from, name, secret }: Bypass): string {
  return `${from}:${name}=${secret}`
}

export const MaintenancePageFilter = z
  .strictObject({
    when: z
      .union(
        [z.enum(['always', 'never']), z.strictObject({ file: FilePath.describe('The path of that file.') })],
        'always, never or { file: PATH }',
      )
      .prefault('always')
      .describe('When the page is shown: always, never, or while a file is there.'),
    except: AddressRules.prefault([]).describe('Clients at these addresses and in these ranges are served as ever.'),
    bypass: z
      .exactOptional(oneOrMore(written(matching(keys, aKey), parseBypass, formatBypass), aKey))
      .describe(`Requests that show it are served as ever: ${aKey}, or a list.`),
    retryAfter: durationUpTo(86_400_000)
      .prefault('5m')
      .describe('When clients are to come again: Retry-After, in whole seconds.'),
    ...pageKeys,
    body: pageKeys.body.describe("The page, as it is. Default: a page of Limpet's own."),
  })
  .check(checkPage)
  .describe('Answers with 503 and a page while there is maintenance.')
