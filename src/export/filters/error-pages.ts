import type { Problem } from '../../config/error.ts'
import { block, directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { type FilterExport, isOf, type Of } from './filter-export.ts'
import { addResponseHeader } from './response-header.ts'
import { inexpressibleText, textAnswer } from './text-answer.ts'

type ErrorPages = Of<'errorPages'>
type Page = ErrorPages['pages'][number]

/** nginx has pages for these; 499 is its own word for a client that is gone. */
const FIRST = 300
const CLIENT_GONE = 499

/** What a page keeps of the answer in whose place it is. nginx itself keeps WWW-Authenticate. */
const kept = [
  addResponseHeader('Retry-After', '$upstream_http_retry_after'),
  addResponseHeader('Allow', '$upstream_http_allow'),
]

export const errorPages: FilterExport<ErrorPages> = {
  isOnly: true,
  directives: ({ filter: { pages }, word }) => {
    const nameOf = (index: number) => `@limpet_page_${word}_${index}`
    const shown = pages.map((page, index) => ({ ...page, statuses: statusesOf(page, pages.slice(0, index)), index }))
    return {
      errors: [
        directive('proxy_intercept_errors', 'on'),
        ...shown
          .filter(({ statuses }) => statuses.length > 0)
          .map(({ statuses, index }) => directive('error_page', ...statuses, nameOf(index))),
      ],
      locations: ({ ownResponse }) =>
        shown.map(({ index, ...page }) =>
          // The status of the error stays: it is that of no `error_page … =`.
          block(
            'location',
            [nameOf(index)],
            [...ownResponse, ...kept, ...textAnswer(200, page.contentType ?? 'text/html; charset=utf-8', page)],
          ),
        ),
    }
  },
  problems: ({ filter: { pages }, path, siblings }) =>
    pages.flatMap((page, index) => [
      ...inexpressibleError(page, `${path}.pages[${index}]`),
      ...when(
        siblings.some((each) => isOf(each, 'respond') && includes(page, each.filter.status)),
        `${path}.pages[${index}]`,
        'nginx puts no page in the place of what return answers',
        'give respond this body',
      ),
    ]),
}

function inexpressibleError(page: Page, path: string): Problem[] {
  return [
    ...when(
      page.status.from < FIRST || (page.status.from === CLIENT_GONE && page.status.to === CLIENT_GONE),
      `${path}.status`,
      'nginx has pages for statuses from 300 to 599, but not for 499',
      'use these',
    ),
    ...inexpressibleText(page, path),
  ]
}

/** The statuses of a page for which there is none before it. */
function statusesOf({ status: { from, to } }: Page, before: readonly Page[]): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index).filter(
    (status) => status !== CLIENT_GONE && !before.some((page) => includes(page, status)),
  )
}

function includes({ status: { from, to } }: Page, status: number): boolean {
  return status >= from && status <= to
}
