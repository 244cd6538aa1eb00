/** LiquidJS has types for its main file alone; the ES module beside it is the same. */
declare module 'liquidjs/dist/liquid.node.mjs' {
  export * from 'liquidjs'
}
