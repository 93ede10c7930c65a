# Included by the root CMakeLists.txt, so that paths keep their folders: <build>/lib/.../qt-scripted-modules/SpineLib/...,
# .../SpineLab/..., .../Resources/... beside the modules. What is there is taken; what only readers of the repository look
# at (pictures, documents, scripts that drew icons) is not.

file(GLOB_RECURSE SPINELIB_SCRIPTS
  RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS
  SpineLib/*.py SpineLab/*.py SpinePanel/*.py
  )
file(GLOB_RECURSE SPINELIB_RESOURCES
  RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS
  SpineLib/*.css SpineLib/*.html SpineLib/*.js SpineLib/*.json SpineLib/*.toml
  SpineLab/*.css SpineLab/*.html SpineLab/*.js SpineLab/*.json SpineLab/*.toml
  SpineLib/py.typed SpineLab/py.typed
  SpinePanel/*.txt
  Resources/Icons/*.png
  Resources/Models/*/card.md Resources/Models/*/model.json Resources/Models/*/weights.safetensors
  Resources/Models/*/likeness.safetensors
  Resources/Terminology/*.json
  )

slicerMacroBuildScriptedModule(
  NAME SpineLib
  SCRIPTS ${SPINELIB_SCRIPTS}
  RESOURCES ${SPINELIB_RESOURCES}
  )
