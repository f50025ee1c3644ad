import type { HeaderTemplate } from '../../runtime/filter-settings.ts'
import { block, type Directive, directive } from '../directive.ts'
import { nginxResponseText } from '../template.ts'
import type { Exported } from './filter-export.ts'

/** Headers of answers that nginx writes itself, or keeps apart from the others. */
export const OWN_HEADERS = [
  'content-type',
  'content-encoding',
  'date',
  'etag',
  'last-modified',
  'location',
  'server',
] as readonly string[]

/** nginx adds no header whose value is empty. */
export function addResponseHeader(name: string, value: string): Directive {
  return directive('add_header', name, value, 'always')
}

export function addTemplate({ name, value }: HeaderTemplate): Directive {
  return addResponseHeader(name, nginxResponseText(value)!)
}

/** Adds headers where the server sends none of that name. */
export function addAbsent(
  headers: readonly HeaderTemplate[],
  word: string,
): Required<Pick<Exported, 'shared' | 'response' | 'ownResponse'>> {
  const variableOf = (name: string) => `$limpet_absent_${word}_${underscored(name)}`
  return {
    shared: headers.map(({ name, value }) =>
      block(
        'map',
        [`$upstream_http_${underscored(name)}`, variableOf(name)],
        [directive('default', ''), directive('', nginxResponseText(value)!)],
      ),
    ),
    response: headers.map(({ name }) => addResponseHeader(name, variableOf(name))),
    ownResponse: headers.map(addTemplate),
  }
}

export function underscored(name: string): string {
  return name.toLowerCase().replaceAll('-', '_')
}

/** Whether nginx has a variable of that name: `$http_NAME`. */
export function isPlainName(name: string): boolean {
  return /^[a-z0-9-]+$/i.test(name)
}
