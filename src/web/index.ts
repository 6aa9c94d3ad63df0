export { createPages, type PagesOptions } from "./pages/pages.tsx";
