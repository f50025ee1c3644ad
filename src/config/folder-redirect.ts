import { expressionIn } from '../routing/expression.ts'

/** A path of a route. With `redirect`, the client is redirected there; otherwise the route serves the path. */
interface RoutePath {
  readonly path: string
  /** A path for a Location field: percent-encoded. */
  readonly redirect?: string
}

/** The paths of a route, and for each `/app/*` a redirect from `/app` to `/app/`, as nginx's `location /app/` does. */
export function withFolderRedirects(paths: readonly string[]): RoutePath[] {
  return paths.flatMap((path) => {
    if (path === '/*' || !path.endsWith('/*') || expressionIn(path) !== undefined) return [{ path }]
    return [{ path }, { path: path.slice(0, -2), redirect: encodeURI(path.slice(0, -1)) }]
  })
}
