import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import type { FilterExport, Of } from './filter-export.ts'

export const answers: FilterExport<Of<'answers'>> = {
  isOnly: true,
  directives: ({ filter: { location, cookiePath, cookieDomain } }) => ({
    passing: [
      ...longestFirst(location).map(([from, to]) => directive('proxy_redirect', from, to)),
      ...longestFirst(cookiePath).map(([from, to]) => directive('proxy_cookie_path', from, to)),
      ...cookieDomain.map(([from, to]) => directive('proxy_cookie_domain', from, to)),
    ],
  }),
  problems: ({ filter: { location, cookiePath, cookieDomain }, path }) => [
    ...when(
      [...location, ...cookiePath].flat().some((text) => text.includes('$') || /^~|^$/.test(text)),
      path,
      'nginx reads $ as a variable and ~ as a regular expression, and knows no empty texts',
      'leave these out',
    ),
    ...when(
      cookieDomain.some(([, to]) => to === ''),
      `${path}.cookieDomain`,
      'nginx cannot take away the domain of a cookie',
      'name a domain',
    ),
  ],
}

/** Of nginx's, the first that matches counts. */
function longestFirst(replacements: readonly (readonly [string, string])[]) {
  return [...replacements].sort(([one], [other]) => other.length - one.length)
}
