import http from 'node:http'
import type { Plugin } from 'rolldown'

/**
 * What the built program takes from node:http. An `import` of a module of Node's reads everything that it exports, here
 * also WebSocket, for which Node loads undici: more than half of the processor time of an import of node:http.
 */
export const httpWithoutUndici: Plugin = {
  name: 'http-without-undici',
  resolveId: (id) => (id === 'node:http' ? { id: '\0node:http', moduleSideEffects: false } : undefined),
  load(id) {
    if (id !== '\0node:http') return undefined
    const names = Object.entries(Object.getOwnPropertyDescriptors(http)).flatMap(([name, { get }]) =>
      get ? [] : [name],
    )
    return `export const { ${names.join(', ')} } = process.getBuiltinModule('node:http')`
  },
}
