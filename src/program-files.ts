/** The locations of the program's own files: TypeScript in a checkout, JavaScript after a build. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

export const packageFile = new URL('../package.json', import.meta.url)
export const copierModule = new URL(`./control/workers/activation/copier.${extension}`, import.meta.url)
export const workerModule = new URL(`./worker/main.${extension}`, import.meta.url)

export function labServerModule(kind: 'static' | 'dynamic'): URL {
  return new URL(`../demo/${kind}/main.${extension}`, import.meta.url)
}
