// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import { z } from 'zod'
import { text } from '../field.ts'
import { checkedPattern } from './pattern.ts'
import { TemplateText } from './template.ts'

const statuses = [301, 302, 303, 307, 308] as const

export const RedirectFilter = z
  .strictObject({
    status: z
      .literal(statuses)
      .prefault(308)
      .describe('301 and 308 are permanent; 307 and 308 keep the method and the body.'),
    to: TemplateText.describe(
      'Where: an address or a path, such as https://www.example.org${request.target}, which keeps path and query.',
    ),
    pattern: z
      .exactOptional(text(checkedPattern, 'a regular expression'))
      .describe(
        'A regular expression. Only requests are redirected in whose address (http://www.example.org/path?query) it matches something, which becomes `to`; $1 in it is its first group.',
      ),
  })
  .describe('Redirects requests: every one, or those whose address matches.')
