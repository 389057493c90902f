export { AppModule, CONTROLLERS, type AppParts } from './app.module.ts';
