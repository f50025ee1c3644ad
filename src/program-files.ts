/** The locations of the program's own files: TypeScript in a checkout, JavaScript after a build. */
const isCheckout = import.meta.url.endsWith('.ts')
const extension = isCheckout ? 'ts' : 'js'

export const packageFile = new URL('../package.json', import.meta.url)
export const copierModule = new URL(`./control/workers/activation/copier.${extension}`, import.meta.url)
export const workerModule = new URL(`./worker/main.${extension}`, import.meta.url)
export const passwordModule = new URL(`./filters/basic-auth/password-thread.${extension}`, import.meta.url)

/** What scripts/build-dashboard.ts makes; in a checkout it may not be there yet. */
export const dashboardFolder = new URL(isCheckout ? '../dashboard/dist/' : '../dashboard/', import.meta.url)

/** A program of the demo: one of its servers, or its users. */
export function demoModule(kind: 'static' | 'dynamic' | 'chat' | 'traffic'): URL {
  return new URL(`../demo/${kind}/main.${extension}`, import.meta.url)
}
