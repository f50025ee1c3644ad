import { z } from 'zod'
import { matching } from '../field.ts'
import { FilePath } from '../file-path.ts'

/** A page of the operator's own: its text in the configuration, or its file. */
export const pageKeys = {
  body: z.exactOptional(z.string()).describe('The page, as it is.'),
  file: z
    .exactOptional(FilePath)
    .describe('A file with the page, of at most 1 MiB, in place of body. Changes take effect by themselves.'),
  contentType: z
    .exactOptional(matching(/^[!-~]+\/[ -~]+$/, 'a media type such as text/html; charset=utf-8'))
    .describe('Its Content-Type. Default: by the name of the file, or text/html; charset=utf-8.'),
}

interface Page {
  readonly body?: string
  readonly file?: string
}

interface Checked {
  readonly value: Page
  readonly issues: z.core.$ZodRawIssue[]
}

/** Reports a page that is written in the configuration and in a file. */
export function checkPage({ value, issues }: Checked): void {
  if (value.body === undefined || value.file === undefined) return
  const params = { hint: 'leave one out' }
  issues.push({ code: 'custom', message: 'either body or file', path: ['file'], params, input: value.file })
}
